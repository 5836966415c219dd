"""`python -m infra.operator`."""

from infra.operator.app import main

if __name__ == "__main__":
    main()
