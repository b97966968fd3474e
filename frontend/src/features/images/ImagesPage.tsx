export const ImagesPage = () => null; // STUB
