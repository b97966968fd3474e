export const VolumesPage = () => null; // STUB
