"""``python -m dmssn`` is the command ``dmssn``, as torchrun needs it."""

from dmssn.cli import main

if __name__ == "__main__":
    main()
