"""What Windows does otherwise, found by reading the code."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("aigc_lib", "benchmarks", "datasets", "tools")
FILES = [path for name in FOLDERS for path in sorted((ROOT / name).rglob("*.py"))]
POSIX = {"fcntl", "grp", "pwd", "resource", "termios"}  # there is none of them
LEAST = {"read_text": 1, "write_text": 2}  # arguments, the encoding among them
# What these modules have elsewhere, and what nothing takes there.
LACKING = {
    "os": "chown chroot fchown fork forkpty getegid geteuid getgid getgroups "
    "getloadavg getpgid getpgrp getpriority getsid getuid initgroups killpg lchown "
    "lockf mkfifo mknod nice openpty pread preadv pwrite pwritev posix_fadvise "
    "posix_fallocate posix_spawn register_at_fork sched_getaffinity "
    "sched_setaffinity sched_yield sendfile setegid seteuid setgid setgroups setpgid "
    "setpriority setsid setuid statvfs sync sysconf uname wait wait3 wait4 waitid "
    "WNOHANG O_CLOEXEC O_DIRECTORY O_NOFOLLOW O_NONBLOCK O_SYNC",
    "signal": "SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGTSTP "
    "SIGUSR1 SIGUSR2 SIGWINCH alarm pause pthread_kill pthread_sigmask setitimer "
    "sigtimedwait sigwait",
    "socket": "AF_UNIX SO_REUSEPORT",
    "select": "epoll kqueue poll",
    "time": "tzset",
    "": "add_signal_handler preexec_fn pass_fds",
}
LACKING = {module: set(names.split()) for module, names in LACKING.items()}
FOR_READERS = ("aigc_lib", "datasets", "tools")  # benchmarks may fork and kill


def at_its_top(tree: ast.Module) -> set[str]:
    """Return the modules that are imported together with the file."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
    return found


def by_locale(tree: ast.Module) -> list[int]:
    """Return the lines that read or write text as the system's locale has it."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and len(node.args) < LEAST.get(node.func.attr, 0)
        and "encoding" not in {keyword.arg for keyword in node.keywords}
    ]


class Unguarded(ast.NodeVisitor):
    """Finds the lines that use what Windows lacks without having asked.

    Asked have an if, a conditional expression and an "and" that mention ``hasattr`` or
    the name of the system, and a try that expects an AttributeError.
    """

    def __init__(self, tree: ast.Module):
        self.lines: list[int] = []
        self.visit(tree)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        of = node.value.id if isinstance(node.value, ast.Name) else ""
        if node.attr in LACKING.get(of, ()) or node.attr in LACKING[""]:
            self.lines.append(node.lineno)
        self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        names = {alias.name for alias in node.names}
        if not node.level and names & LACKING.get(node.module, set()):
            self.lines.append(node.lineno)

    def visit_keyword(self, node: ast.keyword) -> None:
        if node.arg in LACKING[""]:
            self.lines.append(node.lineno)
        self.generic_visit(node)

    def visit_If(self, node: ast.If | ast.IfExp) -> None:
        if not asks(node.test):
            self.generic_visit(node)

    visit_IfExp = visit_If

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        if not (isinstance(node.op, ast.And) and asks(node.values[0])):
            self.generic_visit(node)

    def visit_Try(self, node: ast.Try) -> None:
        expected = [ast.unparse(h.type) for h in node.handlers if h.type]
        if not any("AttributeError" in name for name in expected):
            self.generic_visit(node)


def asks(test: ast.expr) -> bool:
    words = ("hasattr(", "sys.platform", "os.name", "platform.system()")
    return any(word in ast.unparse(test) for word in words)


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_code_runs_on_windows(folder):
    for path in FILES:
        if path.is_relative_to(ROOT / folder):
            tree = ast.parse(path.read_text("utf-8"))
            assert not at_its_top(tree) & POSIX, path
            assert not by_locale(tree), path
            if folder in FOR_READERS:
                assert not Unguarded(tree).lines, path


def test_what_windows_lacks_is_seen():
    tree = ast.parse("import os\nimport pwd\ndef f():\n    import resource")
    assert at_its_top(tree) & POSIX == {"pwd"}
    code = (
        "a.read_text()\na.read_text('utf-8')\na.write_text(b)\n"
        "a.write_text(b, encoding='utf-8')\na.write_text(b, 'utf-8')"
    )
    assert by_locale(ast.parse(code)) == [1, 3]


def test_what_is_asked_for_before_is_not_meant():
    code = """
import os, signal
from os import fork
os.getuid()
if hasattr(os, "getuid") and os.getuid() == 0: pass
if hasattr(os, "getuid"):
    os.getuid()
alone = hasattr(os, "nice") and os.nice(1)
cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0}
try:
    os.sched_getaffinity(0)
except AttributeError:
    pass
try:
    os.killpg(1, signal.SIGTERM)
except OSError:
    os.kill(1, signal.SIGKILL)
run(preexec_fn=os.path.join, start_new_session=True)
loop.add_signal_handler(signal.SIGINT, stop)
"""
    assert Unguarded(ast.parse(code)).lines == [3, 4, 15, 17, 18, 19]
