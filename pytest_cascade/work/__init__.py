"""What a test made the engines do: windows, records and the views on them."""
