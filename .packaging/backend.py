"""The build backend of setuptools, with a place of its own for the list of what goes into an sdist.

By itself setuptools reads that from the top level only, and leaves out most of `tests/`.
"""

from setuptools.build_meta import *  # noqa: F403
from setuptools.command.egg_info import manifest_maker

manifest_maker.template = ".packaging/MANIFEST.in"
