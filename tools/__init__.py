"""What maintainers run: `make` calls these modules, `make help` lists the commands."""

import sys

# It builds a grammar of IRIs whenever a tool starts and jsonschema asks for it, in two
# seconds. No notebook holds an IRI to be checked, and jsonschema can do without.
sys.modules.setdefault("rfc3987_syntax", None)
