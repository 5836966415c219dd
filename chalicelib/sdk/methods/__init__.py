"""The clients' methods, by what they are about. `Client` and `ExperimentalClient` have them all."""
