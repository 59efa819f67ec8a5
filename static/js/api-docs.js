// Shows the API's own description with Swagger UI. Nothing is fetched from anywhere else: no validator, no proxy.
window.addEventListener('DOMContentLoaded', () => {
  const place = document.getElementById('swagger');
  window.SwaggerUIBundle({
    url: place.dataset.spec,
    domNode: place,
    deepLinking: false,
    docExpansion: 'none',
    validatorUrl: null,
    persistAuthorization: false,
    presets: [window.SwaggerUIBundle.presets.apis],
    layout: 'BaseLayout',
  });
});
