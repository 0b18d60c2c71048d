"""towpath: a small highly available control plane in the shape of real ones, in four releases, to be upgraded.

Not a product and no part of Lockage: nothing outside ``lockage.demo`` may know it, and it knows nothing of Lockage. The
surprising thing: which release a process *is* is said when it is started; all four live in this one package.
"""
