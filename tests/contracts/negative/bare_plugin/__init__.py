"""A package without py.typed whose quality.toml exempts what is no check."""
