# SPDX-License-Identifier: Apache-2.0
"""Commands that must succeed."""
import subprocess


def run(*command, **options):
    """Run a command and return its output. It must end with status 0 within half an hour."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=1800, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


def meson_setup(build, source, *options, **more):
    """Meson's CMake module writes into the current folder and removes its files again, so each build runs in its own folder."""
    build.mkdir(parents=True, exist_ok=True)
    return run("meson", "setup", build, source, *options, cwd=build, **more)
