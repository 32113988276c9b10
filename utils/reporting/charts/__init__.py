"""The charts of the HTML report, as specifications for Plotly: plain dicts."""
