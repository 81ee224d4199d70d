"""How wrong is a circuit when it is inferred from its activity?"""

__version__ = "0.1.0"
