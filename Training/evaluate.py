#!/usr/bin/env python3
"""Measures a model as `riff` plays it; the same as `python -m training evaluate`."""

import sys

from training.__main__ import main

if __name__ == "__main__":
    sys.argv.insert(1, "evaluate")
    main()
