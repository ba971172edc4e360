"""stub."""
def main() -> None:
    """Info doc."""
