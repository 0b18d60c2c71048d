"""A policy of the tests' own cluster: Lockage writes nothing with the administrator's rights.

So that a test which forgets to give Lockage the printed rights does not pass. It knows Lockage by its field manager, and the
administrator by the group; what is only read, it does not see. A policy of the whole cluster is nothing for a user's.
"""

from __future__ import annotations

from lightkube import Client, codecs

NAME = "lockage-is-no-administrator"

ADMISSION = "admissionregistration.k8s.io/v1"

POLICY = {
    "apiVersion": ADMISSION,
    "kind": "ValidatingAdmissionPolicy",
    "metadata": {"name": NAME},
    "spec": {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [
                {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"], "resources": ["*"]},
            ]
        },
        "validations": [
            {
                "expression": "!('system:masters' in request.userInfo.groups) || !has(request.options.fieldManager)"
                " || request.options.fieldManager != 'lockage'",
                "message": "Lockage writes with the administrator's rights, and shall have those that lockage rbac prints",
            }
        ],
    },
}

BINDING = {
    "apiVersion": ADMISSION,
    "kind": "ValidatingAdmissionPolicyBinding",
    "metadata": {"name": NAME},
    "spec": {"policyName": NAME, "validationActions": ["Deny"]},
}


def refuse_lockage_as_administrator(admin: Client) -> None:
    """From a moment later on, to the end of the cluster."""
    for each in (POLICY, BINDING):
        admin.apply(codecs.from_dict(each), field_manager="lockage-tests", force=True)
