"""The actions of Given and When steps, one module for each topic."""
