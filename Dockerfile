# One image for every process of the platform; docs/deploy.md says which command is which.
FROM node:22-bookworm-slim AS packages
WORKDIR /packages
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --omit=dev --omit=optional --no-audit --no-fund

FROM python:3.11-slim-bookworm
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /soke
COPY requirements.txt ./
# Neither the engines of `make run` nor what only tests and checks need.
RUN sed '/^# Embedded engines$/,/^# Translations$/d; /^# Tests and checks$/,/^# What these need$/d' requirements.txt \
        > /tmp/production.txt \
    && pip install --no-deps -r /tmp/production.txt \
    && useradd --system --no-create-home --uid 10001 soke
COPY . .
COPY --from=packages /packages/node_modules/lightweight-charts node_modules/lightweight-charts
ENV SOKE_ENV=production SOKE_DATA_DIR=/var/lib/soke
# Collecting files asks no engine, but the settings want to be whole. None of these values stays in the image.
RUN pybabel -q compile -d locale -D 'django djangojs' \
    && SOKE_SECRET_KEY=build SOKE_JWT_KEY=build SOKE_DOMAIN=build DATABASE_URL=postgres://build/build \
        REDIS_URL=redis://build CHAIN_RPC_URL=http://build CHAIN_ID=1 \
        CHAIN_TOKEN_ADDRESS=0x0000000000000000000000000000000000000001 \
        CHAIN_RECEIVING_ADDRESS=0x0000000000000000000000000000000000000001 \
        python manage.py collectstatic --noinput --verbosity 0
USER soke
EXPOSE 8000
CMD ["uvicorn", "soke_project.asgi:application", "--host", "0.0.0.0", "--port", "8000", \
    "--ws", "websockets-sansio", "--ws-per-message-deflate", "false", "--ws-max-size", "65536", \
    "--no-proxy-headers", "--no-access-log", "--timeout-graceful-shutdown", "3"]
