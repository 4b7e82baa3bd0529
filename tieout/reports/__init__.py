"""Reports for people: tables as text, charts as SVG, pages as HTML; nothing but strings.

Pages carry their style and charts in themselves: one file that opens anywhere, prints, and says
the same bytes for the same figures.
"""
