"""The raster images that people may upload, told apart by their own first bytes.

What an upload calls itself is not believed. SVG is not among them, for it is a document that can
run scripts.
"""

IMAGE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_WEBP_CHUNKS = frozenset({b"VP8 ", b"VP8L", b"VP8X"})


def find_image_type(data: bytes) -> str | None:
    """The media type of an image, or None if it is none of ours.

    WHATWG MIME Sniffing section 6.1, and a little more of what follows the signature.
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP" and data[12:16] in _WEBP_CHUNKS:
        return "image/webp"
    return None
