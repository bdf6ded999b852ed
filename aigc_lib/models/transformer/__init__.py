"""Models on the Transformer: they write (GPT), read (encoders) and learn from both."""
