"""The engine: what Docker's verbs mean, over the ports. One module for each verb; `engine.Engine` is the facade."""
