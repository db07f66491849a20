//! Reads `bg.yaml` strictly, with positions for errors; never looks at AWS.
