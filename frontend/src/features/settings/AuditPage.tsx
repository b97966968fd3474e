export const AuditPage = () => null; // STUB
