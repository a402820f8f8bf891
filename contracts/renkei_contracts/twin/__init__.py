"""The base of every vendor's twin: a server on loopback, an emitter of webhooks, faults, tokens."""
