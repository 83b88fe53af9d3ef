"""Stand-in for Keras, see the package ``tensorflow`` beside it."""

import tensorflow as _tensorflow

__getattr__ = _tensorflow._module_getattr(__name__)
