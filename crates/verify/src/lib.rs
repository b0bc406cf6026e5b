//! The verifier that a consumer of Doorward's access tokens uses.
