"""The assertions of Then steps, one module for each chapter. Each function returns, or raises a ViolationError."""
