"""The files a lint looks at: what git would commit, or the whole tree where there is no git."""

import os
import subprocess

SKIPPED_FOLDERS = {".git", "build", ".cache", "__pycache__"}


def list_files(root):
    """Paths relative to root, sorted."""
    try:
        listed = subprocess.run(
            ["git", "-C", root, "-c", f"safe.directory={os.path.abspath(root)}",
             "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            check=True, capture_output=True)
        inside = subprocess.run(
            ["git", "-C", root, "-c", f"safe.directory={os.path.abspath(root)}", "rev-parse", "--show-prefix"],
            check=True, capture_output=True, text=True).stdout.strip()
        if not inside:
            names = listed.stdout.decode().split("\0")
            return sorted(name for name in names if name and os.path.isfile(os.path.join(root, name)))
    except (OSError, subprocess.CalledProcessError):
        pass
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
        found += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    return sorted(found)


def read_text(root, path):
    """The file's text, or None for one that is not text."""
    with open(os.path.join(root, path), "rb") as file:
        data = file.read()
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def report(problems, what):
    """Prints the problems; the exit status for main()."""
    for problem in problems:
        print(problem)
    print(f"{what}: {len(problems)} problem(s)" if problems else f"{what}: clean")
    return 1 if problems else 0
