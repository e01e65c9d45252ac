"""The one exception for input that a user can mend."""


class InputError(Exception):
    """Something a user gave cannot be used.

    The text is one line that names the file, the place in it and both values (what was found, what was expected).
    The command line prints it as it is and exits with status 2.
    """

    def __init__(self, text: str) -> None:
        # What it quotes may be anything: a line break would make it two lines, an escape sequence would speak to the terminal.
        super().__init__("".join(character if character.isprintable() else " " for character in text))
