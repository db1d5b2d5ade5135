"""Which layer of a language model deserves which LoRA rank for your sentiment data, and is the difference real?"""

__version__ = "0.1.0"
