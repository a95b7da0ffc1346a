"""Finding instruments by what people type: symbols, codes, names, exchanges, and near misses of them."""
