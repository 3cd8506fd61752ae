"""The declaration and the settings as Kubernetes objects. Each module makes one kind of them."""
