"""Numbers and things as people write them."""


def counted(number: int, thing: str) -> str:
    """So many things, of which one is no plural.

    Args:
        number: How many.
        thing: What one is called; with an s at its end it is several.

    Example:
        >>> counted(0, "test scene"), counted(1, "map"), counted(12, "epoch")
        ('0 test scenes', '1 map', '12 epochs')
    """
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
