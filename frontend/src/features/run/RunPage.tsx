export const RunPage = () => null; // STUB
