"""Words and small rules every floor may use. Not a drawer: each module is one idea."""
