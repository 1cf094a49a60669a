"""One file a widget. All foreign text goes through `wantui.text` and never through markup."""
