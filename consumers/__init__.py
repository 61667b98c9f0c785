"""What takes records off topics: decide, translate, resolve, push, record, control."""
