"""The one exception for input that a user can mend."""


class InputError(Exception):
    """Something a user gave cannot be used.

    The text is one line that names the file, the place in it and both values (what was found, what was expected).
    The command line prints it as it is and exits with status 2.
    """
