"""What several rooms need of HTTP: tokens and scopes, limits, problem documents, the egress guard."""
