# SPDX-License-Identifier: MIT
"""One module for each language that bindings are written in, from the model."""
