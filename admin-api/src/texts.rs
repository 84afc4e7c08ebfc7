//! Every text that a controller may compare, in one place: the words are ACA-Py 1.7's (recorded traces `17_errors`,
//! `40_api_key`, `16`, `08`).

/// Media type of texts that are a success.
pub(crate) const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The ACA-Py release that controllers may take us for.
pub(crate) const COMPATIBLE_WITH: &str = "1.7.0";

/// Validation (422): texts of the error tree.
pub(crate) mod invalid {
    /// A required member is absent.
    pub(crate) const MISSING: &str = "Missing data for required field.";
    /// `null` where it is not allowed.
    pub(crate) const NULL: &str = "Field may not be null.";
    /// An object was expected.
    pub(crate) const NOT_AN_OBJECT: &str = "Invalid input type.";
    /// A list of objects was expected.
    pub(crate) const NOT_OBJECTS: &str = "Invalid type.";
    /// A JSON object with free members was expected.
    pub(crate) const NOT_A_MAP: &str = "Not a valid mapping type.";
    /// A text was expected.
    pub(crate) const NOT_A_TEXT: &str = "Not a valid string.";
    /// A number without fraction was expected.
    pub(crate) const NOT_AN_INTEGER: &str = "Not a valid integer.";
    /// A boolean was expected.
    pub(crate) const NOT_A_BOOLEAN: &str = "Not a valid boolean.";
    /// A list was expected.
    pub(crate) const NOT_A_LIST: &str = "Not a valid list.";
    /// A value that the member doesn't take.
    pub(crate) const VALUE: &str = "Invalid value.";
    /// Filter without any known format.
    pub(crate) const NO_FORMAT: &str = "V20CredFilterSchema requires indy, ld_proof, vc_di or all";
    /// An AnonCreds or data integrity offer without a preview.
    pub(crate) const NO_PREVIEW: &str = "Credential preview is required if indy or vc_di filter is present";
    /// An invitation that invites to nothing.
    pub(crate) const EMPTY_INVITATION: &str =
        "Model must include non-empty handshake_protocols or requests~attach or both";

    /// Neither of the two ways to name a revocation record.
    pub(crate) const NO_REVOCATION_ASKED: &str =
        "Request must have either rev_reg_id and cred_rev_id or cred_ex_id";
    /// An invitation that says what it is for in words only.
    pub(crate) const GOAL_WITHOUT_CODE: &str = "Model cannot have goal without goal_code";
    /// An invitation that says what it is for without words.
    pub(crate) const CODE_WITHOUT_GOAL: &str = "Model cannot have goal_code without goal";
    /// A text where a URL was expected.
    pub(crate) const NOT_A_URL: &str = "Not a valid URL.";
    /// A text among services.
    pub(crate) const NOT_A_SERVICE_DID: &str = "Service item must be a valid decentralized identifier (DID)";
    /// Neither text nor object among services.
    pub(crate) const NOT_A_SERVICE: &str =
        "Service item must be a valid decentralized identifier (DID) or object";

    /// Not one of the values that an enumeration allows.
    pub(crate) fn not_one_of(choices: &[&str]) -> String {
        format!("Must be one of: {}.", choices.join(", "))
    }

    /// Outside of a range.
    pub(crate) fn out_of_range(min: i64, max: Option<i64>) -> String {
        match max {
            Some(max) => format!("Must be greater than or equal to {min} and less than or equal to {max}."),
            None => format!("Must be greater than or equal to {min}."),
        }
    }

    /// A counter-offer with only one of filter and preview. `data`: what was given, as Python prints it.
    pub(crate) fn half_a_counter_offer(data: &str) -> String {
        format!(
            "V20CredBoundOfferRequestSchema\n{data}\nrequires both indy/ld_proof filter and counter_preview or neither"
        )
    }
}

/// 401 of operations about the agent as a whole (`/status`, `/plugins`, `/shutdown`).
pub(crate) const NO_KEY_ADMIN: &str = "API Key invalid or missing";
/// 401 of all other operations.
pub(crate) const NO_KEY_TENANT: &str = "API key missing or invalid";
/// 404 of an unknown path.
pub(crate) const NOT_FOUND: &str = "Not Found";
/// 405.
pub(crate) const METHOD_NOT_ALLOWED: &str = "Method Not Allowed";
/// 400 of a body that isn't JSON.
pub(crate) const BAD_REQUEST: &str = "Bad Request";
/// 503 while the agent stops.
pub(crate) const STOPPING: &str = "Shutdown in progress";
/// 503 of `/status/ready`.
pub(crate) const NOT_READY: &str = "Service not ready";
/// The whole body of a 500.
pub(crate) const INTERNAL: &str = "500 Internal Server Error\n\nServer got itself in trouble";
/// 403 of a preflight without `Origin`.
pub(crate) const PREFLIGHT_WITHOUT_ORIGIN: &str =
    "CORS preflight request failed: origin header is not specified in the request";
/// 403 of a preflight that names no method.
pub(crate) const PREFLIGHT_WITHOUT_METHOD: &str =
    "CORS preflight request failed: 'Access-Control-Request-Method' header is not specified";

/// The whole body of a 413.
pub(crate) fn too_large(limit: usize) -> String {
    format!("Maximum request body size {limit} exceeded.")
}
