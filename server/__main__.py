"""`python -m server` is the same command as `hubbub`."""

from server.cli.main import main

if __name__ == "__main__":
    main()
