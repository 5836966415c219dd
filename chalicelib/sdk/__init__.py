"""The wire types: what clients send and receive. They import nothing of the server's."""
