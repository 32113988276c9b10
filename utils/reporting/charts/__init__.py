"""Charts for the HTML page, as Plotly figures in plain dicts."""
