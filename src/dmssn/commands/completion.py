"""``dmssn completion``: commands and options completed by the shell.

Examples:
    # bash, in this shell; and in every new one
    source <(dmssn completion bash)
    dmssn completion bash > ~/.local/share/bash-completion/completions/dmssn
    # zsh: into a folder that is in fpath
    dmssn completion zsh > ~/.zfunc/_dmssn
    dmssn completion fish > ~/.config/fish/completions/dmssn.fish
    dmssn completion powershell >> $PROFILE
"""

from typing import Literal


def main(shell: Literal["bash", "zsh", "fish", "powershell"], /) -> None:
    """Print a script that completes commands and options in a shell.

    Nothing is written or changed: put the script where the shell looks for such scripts, and
    again after an update.

    Args:
        shell: Whose language it is in.
    """
    from dmssn.cli import app

    print(app.generate_completion(shell=shell))
