"""How production keeps what browsers load."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class CollectedStorage(CompressedManifestStaticFilesStorage):
    """Compressed, and named by their content, the modules that a module imports included: browsers keep each for
    ever, and after an upgrade no page mixes old modules with new ones."""

    support_js_module_import_aggregation = True
