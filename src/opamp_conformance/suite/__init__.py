"""The features as pytest sees them: ``pytest --pyargs opamp_conformance`` collects this package."""
