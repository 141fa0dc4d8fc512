"""Tieout: a finance lakehouse whose every number ties out to its source, to the cent."""
