"""Builds the stand-in with one file beside the packages: a ``.pth`` that Python reads at every start."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PTH = "rasa_without_telemetry.pth"


class BuildWithPth(build_py):
    """Puts the ``.pth`` file at the root of the wheel, from where it is installed into site-packages."""

    def run(self) -> None:
        super().run()
        Path(self.build_lib).mkdir(parents=True, exist_ok=True)
        self.copy_file(str(Path(__file__).parent / PTH), str(Path(self.build_lib) / PTH))


setup(cmdclass={"build_py": BuildWithPth})
