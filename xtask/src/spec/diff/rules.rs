//! The rules by which a change is judged, as a table. `docs/spec-diff-rules.md` is this table.

use schemars::JsonSchema;
use serde::Serialize;

/// The meaning of a change for a client that was written against the old document.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Class {
    /// A correct client can fail.
    Breaking,
    /// A correct client can fail or not: the document does not say.
    Judge,
    /// A correct client goes on working; there may be more that it can do.
    Compatible,
    /// Words only.
    Documentation,
}

/// The version step that a change asks of a client.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SemverStep {
    /// Nothing to release.
    None,
    /// Nothing that callers can see.
    Patch,
    /// Something that callers can use.
    Minor,
    /// Something that callers must act on.
    Major,
}

/// Which way the changed thing travels.
#[derive(Clone, Copy, Debug, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Direction {
    /// The call as a whole.
    Call,
    /// Requests.
    Sent,
    /// Answers.
    Read,
}

/// Makes the enum of rules and its table from one row for each rule.
macro_rules! rules {
    ($($name:ident $id:literal $direction:ident $class:ident $step:ident $why:literal;)*) => {
        /// A rule. Its sentence says why the class is what it is.
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub(crate) enum Rule {
            $(#[doc = $why] $name,)*
        }

        impl Rule {
            /// Every rule, in the order of the table.
            pub(crate) const ALL: &[Self] = &[$(Self::$name),*];

            /// The name under which findings cite it.
            pub(crate) fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// Which way the changed thing travels.
            pub(crate) fn direction(self) -> Direction {
                match self { $(Self::$name => Direction::$direction,)* }
            }

            /// The meaning of the change for a client.
            pub(crate) fn class(self) -> Class {
                match self { $(Self::$name => Class::$class,)* }
            }

            /// The version step it asks for.
            pub(crate) fn step(self) -> SemverStep {
                match self { $(Self::$name => SemverStep::$step,)* }
            }

            /// Why, in one sentence.
            pub(crate) fn why(self) -> &'static str {
                match self { $(Self::$name => $why,)* }
            }
        }
    };
}

rules! {
    DocumentTextChanged "document-text-changed" Call Documentation None "Title, version and sentences of the document change no call.";
    ServerAdded "server-added" Call Compatible Minor "The addresses that clients have still work.";
    ServerRemoved "server-removed" Call Breaking Major "A client that calls the address no longer reaches the service.";

    OperationAdded "operation-added" Call Compatible Minor "Nobody has to call it.";
    OperationRemoved "operation-removed" Call Breaking Major "Calls of it fail.";
    OperationMoved "operation-moved" Call Breaking Major "Calls go to a path or method that no longer answers.";
    OperationIdChanged "operation-id-changed" Call Documentation None "The call is the same; code that is generated from the vendor's ids gets another method name.";
    OperationDeprecated "operation-deprecated" Call Compatible Minor "It works, and callers should know that it will not for ever.";
    OperationUndeprecated "operation-undeprecated" Call Compatible Patch "What was to go stays.";
    OperationTextChanged "operation-text-changed" Call Documentation Patch "Sentences, tags, samples and extensions change no call.";
    CallbacksChanged "callbacks-changed" Call Judge Major "Calls that the service makes cannot be judged here.";

    SecurityAdded "security-added" Call Breaking Major "Calls without a sign-in are refused.";
    SecurityRemoved "security-removed" Call Compatible Patch "A sign-in that nobody asks for does no harm.";
    SecurityAlternativeAdded "security-alternative-added" Call Compatible Minor "The way in that clients use is still open.";
    SecurityAlternativeRemoved "security-alternative-removed" Call Breaking Major "Clients that sign in this way are refused.";
    SecuritySchemeChanged "security-scheme-changed" Call Breaking Major "Clients put their credentials where nobody looks for them.";

    ParameterAddedRequired "parameter-added-required" Sent Breaking Major "Calls that do not have it are refused.";
    ParameterAddedOptional "parameter-added-optional" Sent Compatible Minor "Calls that do not have it work.";
    ParameterRemoved "parameter-removed" Sent Breaking Major "What callers ask for with it is ignored or refused.";
    ParameterBecameRequired "parameter-became-required" Sent Breaking Major "Calls that leave it out are refused.";
    ParameterBecameOptional "parameter-became-optional" Sent Compatible Minor "Calls that have it work.";
    ParameterMoved "parameter-moved" Sent Breaking Major "The value arrives where nobody looks for it.";
    ParameterStyleChanged "parameter-style-changed" Sent Breaking Major "The same value is to be written in another way.";
    ParameterDeprecated "parameter-deprecated" Sent Compatible Minor "It works, and callers should know that it will not for ever.";
    ParameterTextChanged "parameter-text-changed" Sent Documentation Patch "Sentences, samples and the name of a path parameter change no call.";

    RequestBodyAddedRequired "request-body-added-required" Sent Breaking Major "Calls without a body are refused.";
    RequestBodyAddedOptional "request-body-added-optional" Sent Compatible Minor "Calls without a body work.";
    RequestBodyRemoved "request-body-removed" Sent Breaking Major "What callers send is ignored or refused.";
    RequestBodyBecameRequired "request-body-became-required" Sent Breaking Major "Calls without a body are refused.";
    RequestBodyBecameOptional "request-body-became-optional" Sent Compatible Minor "Calls with a body work.";
    RequestBodyTextChanged "request-body-text-changed" Sent Documentation Patch "Sentences and samples change no call.";
    RequestMediaTypeAdded "request-media-type-added" Sent Compatible Minor "The form that clients send is still taken.";
    RequestMediaTypeRemoved "request-media-type-removed" Sent Breaking Major "Clients that send this form are refused.";
    RequestEncodingChanged "request-encoding-changed" Sent Breaking Major "The same value is to be written in another way.";

    ResponseSuccessAdded "response-success-added" Read Breaking Major "A strict client takes the new status for an error.";
    ResponseSuccessRemoved "response-success-removed" Read Breaking Major "The answer that callers work with is no longer promised.";
    ResponseErrorAdded "response-error-added" Read Compatible Patch "Any call can fail in ways that nobody wrote down.";
    ResponseErrorRemoved "response-error-removed" Read Compatible Patch "Code that handles the error waits for nothing.";
    ResponseBodyAdded "response-body-added" Read Compatible Minor "Clients that expect nothing ignore it.";
    ResponseBodyRemoved "response-body-removed" Read Breaking Major "Clients read a body that is not there.";
    ResponseMediaTypeAdded "response-media-type-added" Read Compatible Patch "Clients get the form that they accept.";
    ResponseMediaTypeRemoved "response-media-type-removed" Read Breaking Major "Clients that accept only this form get nothing.";
    ResponseErrorFormChanged "response-error-form-changed" Read Judge Major "An error comes in another form; only a client that reads the bodies of errors notices.";
    ResponseHeaderAdded "response-header-added" Read Compatible Minor "Nobody has to read it.";
    ResponseHeaderRemoved "response-header-removed" Read Breaking Major "Clients read a header that is not there.";
    ResponseHeaderBecameOptional "response-header-became-optional" Read Breaking Major "Clients that count on it can miss it.";
    ResponseHeaderBecameRequired "response-header-became-required" Read Compatible Patch "Clients that can do without get it anyway.";
    ResponseTextChanged "response-text-changed" Read Documentation Patch "Sentences, samples and links change no answer.";

    RequestTypeChanged "request-type-changed" Sent Breaking Major "Values of the old type are refused.";
    ResponseTypeChanged "response-type-changed" Read Breaking Major "Values of the new type cannot be read.";
    RequestTypeWidened "request-type-widened" Sent Compatible Minor "Every value that was good is good.";
    ResponseTypeWidened "response-type-widened" Read Breaking Major "Values arrive that the old type has no room for.";
    RequestTypeNarrowed "request-type-narrowed" Sent Breaking Major "Values that were good are refused.";
    ResponseTypeNarrowed "response-type-narrowed" Read Compatible Minor "Every value that arrives fits the old type.";
    RequestFormatChanged "request-format-changed" Sent Breaking Major "Values in the old format are refused.";
    ResponseFormatChanged "response-format-changed" Read Breaking Major "Values in the new format cannot be read.";
    RequestFormatWidened "request-format-widened" Sent Compatible Minor "Every value that was good is good.";
    ResponseFormatWidened "response-format-widened" Read Breaking Major "Values arrive that the old format has no room for.";
    RequestFormatNarrowed "request-format-narrowed" Sent Breaking Major "Values that were good are refused.";
    ResponseFormatNarrowed "response-format-narrowed" Read Compatible Minor "Every value that arrives fits the old format.";
    RequestBecameNullable "request-became-nullable" Sent Compatible Minor "Nobody has to send null.";
    ResponseBecameNullable "response-became-nullable" Read Breaking Major "A client that does not expect null fails on it.";
    RequestNoLongerNullable "request-no-longer-nullable" Sent Breaking Major "Calls that send null are refused.";
    ResponseNoLongerNullable "response-no-longer-nullable" Read Compatible Minor "Clients that can read null never see it.";
    RequestEnumValueAdded "request-enum-value-added" Sent Compatible Minor "Nobody has to send it.";
    ResponseEnumValueAdded "response-enum-value-added" Read Breaking Major "A strict client does not know the value and fails on it.";
    RequestEnumValueRemoved "request-enum-value-removed" Sent Breaking Major "Calls that send it are refused.";
    ResponseEnumValueRemoved "response-enum-value-removed" Read Compatible Minor "Clients that know it never see it.";
    RequestEnumAdded "request-enum-added" Sent Breaking Major "Values that are not in the list are refused.";
    ResponseEnumAdded "response-enum-added" Read Compatible Minor "Clients can read every value of the list.";
    RequestEnumRemoved "request-enum-removed" Sent Compatible Minor "The values that clients know are still good.";
    ResponseEnumRemoved "response-enum-removed" Read Breaking Major "Values arrive that a strict client does not know.";
    RequestBoundsTightened "request-bounds-tightened" Sent Breaking Major "Values that were good are refused.";
    ResponseBoundsTightened "response-bounds-tightened" Read Compatible Patch "Every value that arrives fits the old bounds.";
    RequestBoundsLoosened "request-bounds-loosened" Sent Compatible Patch "Every value that was good is good.";
    ResponseBoundsLoosened "response-bounds-loosened" Read Judge Minor "Values may arrive that only a client which checks the old bounds refuses.";
    RequestConstraintChanged "request-constraint-changed" Sent Judge Major "Old values may still be good or not; this cannot be judged here.";
    ResponseConstraintChanged "response-constraint-changed" Read Judge Major "New values may fit the old constraint or not; this cannot be judged here.";
    RequestDefaultAdded "request-default-added" Sent Compatible Patch "What happens without a value is now written down.";
    RequestDefaultChanged "request-default-changed" Sent Breaking Major "Calls that leave the value out now do something else.";
    RequestDefaultRemoved "request-default-removed" Sent Compatible Patch "What happens without a value is no longer written down.";
    ResponseDefaultChanged "response-default-changed" Read Compatible Patch "It stands for a value that is missing, which clients decide on by themselves.";

    RequestPropertyAddedRequired "request-property-added-required" Sent Breaking Major "Calls that do not have it are refused.";
    RequestPropertyAddedOptional "request-property-added-optional" Sent Compatible Minor "Calls that do not have it work.";
    ResponsePropertyAdded "response-property-added" Read Compatible Minor "Clients ignore what they do not know.";
    RequestPropertyRemoved "request-property-removed" Sent Breaking Major "What callers set with it is ignored or refused.";
    ResponsePropertyRemoved "response-property-removed" Read Breaking Major "Code that reads it gets nothing.";
    ResponsePropertyWriteOnly "response-property-write-only" Read Judge Major "Generators write this of a secret also where it is answered; if it is meant, code that reads it gets nothing.";
    RequestPropertyBecameRequired "request-property-became-required" Sent Breaking Major "Calls that leave it out are refused.";
    ResponsePropertyBecameRequired "response-property-became-required" Read Compatible Minor "Clients that can do without get it anyway.";
    RequestPropertyBecameOptional "request-property-became-optional" Sent Compatible Minor "Calls that have it work.";
    ResponsePropertyBecameOptional "response-property-became-optional" Read Breaking Major "Clients that count on it can miss it.";
    RequestAdditionalForbidden "request-additional-properties-forbidden" Sent Breaking Major "Calls with names of their own are refused.";
    ResponseAdditionalForbidden "response-additional-properties-forbidden" Read Compatible Patch "Clients that can read other names never see them.";
    RequestAdditionalAllowed "request-additional-properties-allowed" Sent Compatible Minor "Nobody has to send names of their own.";
    ResponseAdditionalAllowed "response-additional-properties-allowed" Read Compatible Minor "Clients ignore what they do not know.";
    RequestBranchAdded "request-branch-added" Sent Compatible Minor "The shapes that clients send are still taken.";
    ResponseBranchAdded "response-branch-added" Read Breaking Major "A strict client does not know the shape and fails on it.";
    RequestBranchRemoved "request-branch-removed" Sent Breaking Major "Calls that send this shape are refused.";
    ResponseBranchRemoved "response-branch-removed" Read Compatible Minor "Clients that know the shape never see it.";
    RequestDiscriminatorChanged "request-discriminator-changed" Sent Breaking Major "The service tells shapes apart by another field or value.";
    ResponseDiscriminatorChanged "response-discriminator-changed" Read Breaking Major "Clients tell shapes apart by a field or value that says something else.";
    SchemaDeprecated "schema-deprecated" Call Compatible Minor "It works, and callers should know that it will not for ever.";
    SchemaUndeprecated "schema-undeprecated" Call Compatible Patch "What was to go stays.";
    SchemaTextChanged "schema-text-changed" Call Documentation Patch "Sentences, titles, samples and extensions change no value.";
}
