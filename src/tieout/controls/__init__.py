"""Controls: what proves, run by run and layer by layer, that no row and no cent was lost."""
