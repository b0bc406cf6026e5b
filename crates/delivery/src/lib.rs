//! E-mail and SMS: senders, templates and the worker that drains the outbox.
