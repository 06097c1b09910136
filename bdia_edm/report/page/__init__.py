"""The page: one HTML file that needs no other, with the verdict in words, the tables, plots, pictures and commands."""
